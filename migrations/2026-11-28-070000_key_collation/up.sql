-- Keys are sorted by their bytes, as they are outside of Postgres, whatever collation the database has.
-- The rows stay as they are; the indexes with the key are built anew.
alter table series alter column key type text collate "C";
