VACUUM posts;
