drop index gaps_to_offset;
drop trigger count_changed on dead_letters;
drop trigger count_removed on dead_letters;
drop trigger count_added on dead_letters;
drop function count_dead_letters();
drop table dead_letter_usage;
alter table dead_letters drop column kept_bytes;
