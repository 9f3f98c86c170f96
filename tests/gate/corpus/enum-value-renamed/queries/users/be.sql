-- How somebody feels.
-- returns: affected

UPDATE users SET mood = %(mood)s WHERE handle = 'user7'
