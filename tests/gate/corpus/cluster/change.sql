CLUSTER posts USING posts_created_at_idx;
