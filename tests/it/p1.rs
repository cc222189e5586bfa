mod portal {
    mod player;
}
