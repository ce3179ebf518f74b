"""The Space: page text, layout, events, launch."""

import gc
import logging
import signal
import socket
import sys
import threading
from importlib.util import find_spec

from digit_model.model_source import ModelSource, ModelUnavailable
from digit_model.settings import Settings, SettingsError

logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def listen_or_end(settings: Settings) -> None:
    """End the start with one line where nothing can listen at the address: Gradio's error is long and names no cause."""
    try:
        socket.create_server((settings.server_name, settings.port)).close()
    except OSError as error:
        why = error.strerror.partition(" (while")[0]
        sys.exit(
            f"GRADIO_PORT={settings.port} at GRADIO_SERVER_NAME={settings.server_name}: {why}; "
            "set a port that nothing else uses, and an address of this machine."
        )


try:
    settings = Settings.from_env()
    if __name__ == "__main__":
        listen_or_end(settings)
    logging.getLogger("digit_model").setLevel(logging.DEBUG if settings.debug else logging.INFO)
    source = ModelSource(settings)
    source.start()  # the model is fetched and opened beside the import of Gradio, which takes seconds
except (SettingsError, ModelUnavailable) as error:
    sys.exit(str(error))

import gradio as gr  # noqa: E402

from web import limits, parts, routes, zero_gpu  # noqa: E402
from web.cleaning import keep_clean  # noqa: E402
from web.endpoints import add_endpoints  # noqa: E402

english = parts.WORDS["en"]  # foot.js puts the visitor's words in its place

with gr.Blocks(title=english["title"], analytics_enabled=False, delete_cache=(60, 300)) as page:
    parts.intro()
    with gr.Row(elem_id="instrument"):
        with gr.Column(scale=6, min_width=320):
            with gr.Tabs() as tabs:
                with gr.Tab(english["sketchpad"], elem_id="pad-tab"):
                    parts.pad()
                with gr.Tab(english["upload"], elem_id="upload-tab"):
                    parts.upload()
            with gr.Row(elem_id="actions"):
                parts.pen()
                undo = gr.Button(english["undo"], elem_id="undo")
                clear = gr.Button(english["clear"], elem_id="clear")
                predict = gr.Button(english["predict"], elem_id="predict", variant="primary")
        with gr.Column(scale=4, min_width=320):
            answer = parts.answer()
            label = gr.Label(elem_id="label", show_label=False, show_heading=False)
    parts.gallery(routes.EXAMPLES)
    parts.foot()

    # All of this happens in the browser: the parts speak to each other by events, and the label shows what the answer was told.
    answer.change(fn=None, js="(reading) => reading?.label ?? {}", inputs=answer, outputs=label)
    for trigger, event in ((undo.click, "undo"), (clear.click, "clear"), (predict.click, "read"), (tabs.change, "shown")):
        trigger(fn=None, js=f"() => {{ document.dispatchEvent(new Event('{event}')) }}")

    add_endpoints(source, settings)
    zero_gpu.bind()


def main() -> None:
    """Serve until SIGTERM or Ctrl+C."""
    try:
        source.imports_done()
    except ModelUnavailable as error:
        sys.exit(str(error))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    page.queue(max_size=settings.max_waiting, api_open=False)  # as on a Space: no way past the queue
    page.launch(
        server_name=settings.server_name,
        server_port=settings.port,
        root_path=settings.root_path,
        show_error=settings.debug,
        theme=parts.theme(),
        css_paths=parts.CSS,
        head=parts.head(),
        footer_links=["api"],  # hidden by page.css; the foot has a button for it
        run_history=False,  # it would keep every drawing in the visitor's browser
        mcp_server=find_spec("mcp") is not None,  # agents have their tools where gradio[mcp] is installed, as on Spaces
        ssr_mode=False,  # Node would stand in front and pass only Gradio's own paths on
        enable_monitoring=False,
        max_file_size=settings.max_file_bytes,
        state_session_capacity=100,  # Gradio keeps the inputs of this many sessions' calls in memory
        app_kwargs={
            "routes": routes.routes(source, settings),
            "middleware": limits.middleware(settings),
            "exception_handlers": routes.exception_handlers(),
        },
        prevent_thread_lock=True,
    )
    gc.freeze()  # what was imported stays: each time the collector looked through it, all requests stood still for a tenth of a second
    threading.Thread(target=keep_clean, args=(stop,), daemon=True).start()
    while not stop.wait(1):  # for ever, in a way in which Windows hears Ctrl+C
        pass
    page.server.should_exit = True
    page.server.thread.join(15)  # seconds for what is in flight; Gradio's own close waits 5
    page.close()
    source.stop()


if __name__ == "__main__":
    main()
