drop table dead_letters, gaps, commits, ingest_offsets, points, catalogue, series;
