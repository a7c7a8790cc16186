alter table sessions drop column refresh, drop column refreshing;
