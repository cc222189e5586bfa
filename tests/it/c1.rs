mod portal {
    mod coupon;
}
