UPDATE audit SET what = lower(what) WHERE what <> '';
