UPDATE audit SET what = upper(what) WHERE what <> '';
