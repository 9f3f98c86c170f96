"""The front door: what a person can ask, as Invoke tasks; a project's own tasks.py takes `ns` from here."""

from invoke import Collection

from pgproof.tasks import fresh, schema, server

db = Collection("db")
for module in (server, schema, fresh):
    for each in Collection.from_module(module).tasks.values():
        db.add_task(each)

ns = Collection(db)
