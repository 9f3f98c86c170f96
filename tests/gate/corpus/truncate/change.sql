TRUNCATE posts;
