SET ROLE voting;

-- One row for each voter: a vote that comes twice, or late, changes nothing.
CREATE TABLE votes (
  voter text PRIMARY KEY CHECK (voter ~ '^[0-9a-f]{32}$'),
  choice text NOT NULL CHECK (choice IN ('a', 'b')),
  cast_at bigint NOT NULL
);

-- Whoever listens hears of each change when it is committed; changes of one transaction are told once.
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('votes', '');
  RETURN NULL;
END $$;

CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON votes FOR EACH STATEMENT EXECUTE FUNCTION tell();
