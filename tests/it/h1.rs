mod portal {
    mod home;
    mod report;
}
mod roll_up;
