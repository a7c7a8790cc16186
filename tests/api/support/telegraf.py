"""Telegraf as a child process, on configurations that the documentation shows."""

from support.go_program import GoProgram

# Small batches: what breaks in the middle breaks in the middle of many.
AGENT = """
[agent]
interval = "200ms"
flush_interval = "200ms"
metric_batch_size = 100
metric_buffer_limit = 100000
omit_hostname = true
"""


class Telegraf(GoProgram):
    name = "telegraf"

    def __init__(self, directory, config, key=""):
        for name, text in [("agent.conf", AGENT), ("telegraf.conf", config)]:
            (directory / name).write_text(text)
        configs = [word for name in ("agent.conf", "telegraf.conf") for word in ("--config", str(directory / name))]
        super().__init__(directory, configs, {"STREAMSYNC_KEY": key})
