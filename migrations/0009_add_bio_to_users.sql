-- A few words about oneself, on the profile.
--
-- Dependencies   each key of users -> bio, beside the ones of 0001
-- Normal form    still third.
--
-- NOT VALID, because checking the rows here would lock everybody out meanwhile; 0010 checks them.
-- depends: 0008_index_activities_by_reply

ALTER TABLE users ADD COLUMN bio text;
ALTER TABLE users ADD CONSTRAINT users_bio_length_check CHECK (char_length(bio) <= 160) NOT VALID;

COMMENT ON COLUMN users.bio IS 'About oneself, at most 160 characters; NULL: never written, empty: taken back.';
