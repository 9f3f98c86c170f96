-- Up to when somebody has looked at their notifications.
--
-- There is no table of notifications: each one follows from a like, a repost, a reply or a follow, so view
-- notifications derives it. A table would tell those facts twice and could contradict them. The one new fact is
-- how far the person has read.
--
-- Dependencies   each key of users -> notifications_seen_at, beside the ones of 0001 and 0009
-- Normal form    still third.
-- depends: 0011_index_activities_by_words

ALTER TABLE users ADD COLUMN notifications_seen_at timestamptz;

COMMENT ON COLUMN users.notifications_seen_at IS 'Notifications up to then have been looked at; NULL: none.';
