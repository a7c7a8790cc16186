-- The ids that were given stay as they are.
select 1;
