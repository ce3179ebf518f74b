"""The notebook runs from its first cell to its last, with small data, and is stored without what it printed."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.road.conftest import BUNDLED, ROOT

NOTEBOOK = ROOT / "training" / "training.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.timeout(900)  # half a minute of processor time, five minutes on two cores with a load of 18
def test_the_notebook_runs_to_its_end(notebook, hub, small_mnist, tmp_path, monkeypatch):
    (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    small = {"DATA": str(small_mnist), "INIT": str(BUNDLED), "OUT": str(tmp_path / "run"), "LIMIT": 300, "EPOCHS": 1, "JUDGED": 20}
    parameters.source += "\n" + "\n".join(f"{name} = {value!r}" for name, value in small.items())
    for name, value in {"HF_ENDPOINT": hub.url, "HF_HOME": tmp_path, "IPYTHONDIR": tmp_path, "JUPYTER_RUNTIME_DIR": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": NOTEBOOK.parent}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert len(pictures) == 10
    assert "'9', a digit" in printed
    assert "'7', a digit" in printed
    assert "Nothing was sent" in printed or "Refused:" in printed
    assert (tmp_path / "run" / "short" / "metrics.json").exists()
