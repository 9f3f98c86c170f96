CREATE POLICY notes_all ON notes TO corpus_application USING (true);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
