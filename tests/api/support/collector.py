"""The OpenTelemetry Collector as a child process, on configurations that the documentation shows."""

from support.go_program import GoProgram
from support.server import free_port

# What a page leaves out: where its input comes from. Its metrics of itself would need a port.
REST = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
service:
  telemetry:
    logs:
      level: debug
    metrics:
      level: none
"""


class Collector(GoProgram):
    name = "collector"

    def __init__(self, directory, config):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/v1/metrics"
        for name, text in [("rest.yaml", REST.format(port=port)), ("collector.yaml", config)]:
            (directory / name).write_text(text)
        super().__init__(directory, [f"--config=file:{directory / name}" for name in ("rest.yaml", "collector.yaml")])

    def launch(self):
        super().launch()
        self.says("Everything is ready", 0)
