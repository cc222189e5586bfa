mod portal {
    mod recovery;
}
