mod portal {
    mod sub;
}
