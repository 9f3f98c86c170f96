ALTER TABLE audit SET TABLESPACE corpus_space;
