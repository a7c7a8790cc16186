alter table series alter column key type text collate "default";
