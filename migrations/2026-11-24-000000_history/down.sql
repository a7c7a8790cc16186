drop table restored, archives, horizons, days, rollup_1d, rollup_1h, rollup_1m, rollup_edge, invalidations;
