"""A schema registry for the official clients where no real one can be had: `stand_in.py DIR PORT`.

It keeps schemas as they came, gives them ids and GUIDs, and forgets nothing when it is started again in
the same folder. It knows neither compatibility nor languages.
"""

import hashlib
import json
import pathlib
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, unquote, urlsplit

SCHEMA = ("schema", "schemaType", "references")


class Refused(Exception):
    def __init__(self, status, code, message):
        self.status, self.answer = status, {"error_code": code, "message": message}


class Store:
    def __init__(self, path):
        self.path, self.lock = path, Lock()
        # Ids are places in the list, from 1 on; of a subject each version is [id, whether it is deleted].
        kept = json.loads(path.read_text()) if path.exists() else {"schemas": [], "subjects": {}}
        self.schemas, self.subjects = kept["schemas"], kept["subjects"]

    def keep(self):
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"schemas": self.schemas, "subjects": self.subjects}))
        new.replace(self.path)

    def answer(self, method, path, query, body):
        permanent = "true" in query.get("permanent", [])
        deleted = "true" in query.get("deleted", [])
        match [method, *path]:
            case ["GET", "schemas", "ids", number] if 0 < int(number) <= len(self.schemas):
                return self.schema(int(number))
            case ["GET", "schemas", "guids", guid]:
                for number in range(1, len(self.schemas) + 1):
                    if self.schema(number)["guid"] == guid:
                        return self.schema(number)
            case ["GET", "schemas", *_]:
                pass
            case ["GET", "subjects"]:
                return [name for name, versions in self.subjects.items() if deleted or live(versions)]
            case ["POST", "subjects", name, "versions"]:
                return self.version(name, self.register(name, body))
            case ["POST", "subjects", name]:
                number = self.find(body)
                for version, (known, gone) in enumerate(self.subjects.get(name, []), 1):
                    if known == number and not gone:
                        return self.version(name, version)
            case ["GET", "subjects", name, "versions", wanted]:
                versions = self.subjects.get(name, [])
                there = [n for n, (_, gone) in enumerate(versions, 1) if deleted or not gone]
                version = max(there, default=0) if wanted == "latest" else int(wanted)
                if version in there:
                    return self.version(name, version)
                raise Refused(404, 40402 if there else 40401, f"Version {wanted} of '{name}' not found.")
            case ["DELETE", "subjects", name] if name in self.subjects:
                versions = self.subjects[name]
                if permanent and live(versions):
                    raise Refused(404, 40405, f"Subject '{name}' was not deleted first before being permanently deleted")
                self.subjects[name] = [] if permanent else [[number, True] for number, _ in versions]
                self.keep()
                return list(range(1, len(versions) + 1))
            case _:
                raise Refused(404, 404, "HTTP 404 Not Found")
        raise Refused(404, 40403, "Schema not found")

    def find(self, body):
        """Its id; equal schemas have the same, whatever their subjects."""
        schema = {key: body[key] for key in SCHEMA if body.get(key)}
        return self.schemas.index(schema) + 1 if schema in self.schemas else None

    def register(self, name, body):
        for reference in body.get("references") or []:
            versions = self.subjects.get(reference["subject"], [])
            if not 0 < reference["version"] <= len(versions):
                raise Refused(422, 42201, f"No schema reference found for subject {reference['subject']}")
        if not self.find(body):
            self.schemas.append({key: body[key] for key in SCHEMA if body.get(key)})
        number = self.find(body)
        versions = self.subjects.setdefault(name, [])
        if [number, False] not in versions:
            versions.append([number, False])
            self.keep()
        return versions.index([number, False]) + 1

    def schema(self, number):
        schema = self.schemas[number - 1]
        digest = hashlib.md5(json.dumps(schema).encode()).digest()
        return schema | {"guid": str(uuid.UUID(bytes=digest))}

    def version(self, name, version):
        number = self.subjects[name][version - 1][0]
        return self.schema(number) | {"subject": name, "version": version, "id": number}


def live(versions):
    return any(not gone for _, gone in versions)


def serve(folder, port):
    store = Store(pathlib.Path(folder) / "schemas.json")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            url = urlsplit(self.path)
            path = [unquote(part) for part in url.path.split("/")[1:]]
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or "null")
            try:
                with store.lock:
                    status, answer = 200, store.answer(self.command, path, parse_qs(url.query), body)
            except Refused as refused:
                status, answer = refused.status, refused.answer
            answer = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
