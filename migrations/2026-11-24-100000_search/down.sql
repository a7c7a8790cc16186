drop index dead_letters_reason, dead_letters_stream;
alter table series drop column label_names;
drop function label_names;
