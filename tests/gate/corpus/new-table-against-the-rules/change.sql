CREATE TABLE visits (
    id serial PRIMARY KEY,
    country char(2) NOT NULL,
    page varchar(40) NOT NULL,
    clicks int NOT NULL,
    rank smallint NOT NULL,
    seen_at timestamp NOT NULL
);
