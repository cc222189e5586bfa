mod portal {
    mod common;
    mod messages;
    mod provider;
}
