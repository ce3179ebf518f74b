"""Writes the model card, README.md: front matter that the Hub understands, the results, how it was made. publish.py calls it."""

from pathlib import Path
from string import Template

from huggingface_hub import EvalResult, ModelCardData

TEMPLATE = Path(__file__).with_name("model_card.md")


def card(metrics: dict, settings: dict, repo_id: str) -> str:
    """Return the card of a model. metrics: its metrics.json; settings: its run's settings.json, {} when it was not kept."""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        front_matter=front_matter(metrics, repo_id), repo_id=repo_id, results=results(metrics), training=training(settings)
    )


def front_matter(metrics: dict, repo_id: str) -> str:
    """Return what stands between the dashes at the head of the card."""
    mnist = metrics["mnist_test"]
    measured = {
        "accuracy": ("Accuracy", mnist["accuracy"]),
        "ece": ("Calibration error, 15 bins", mnist["ece"]),
        "brier": ("Brier", mnist["brier"]),
    }
    results = [
        EvalResult(
            task_type="image-classification",
            task_name="Image Classification",
            dataset_type="ylecun/mnist",
            dataset_name="MNIST",
            dataset_config="mnist",
            dataset_split="test",
            metric_type=kind,
            metric_name=name,
            metric_value=round(value, 5),
        )
        for kind, (name, value) in measured.items()
    ]
    data = ModelCardData(
        library_name="keras",
        pipeline_tag="image-classification",
        license="mit",
        datasets=["ylecun/mnist"],
        tags=["handwriting", "digits", "mnist"],
        metrics=["accuracy"],
        model_name=repo_id.partition("/")[2],
        eval_results=results,
    )
    return f"---\n{data.to_yaml()}\n---"


def results(metrics: dict) -> str:
    """Return the rows of the card's first table."""
    mnist = metrics["mnist_test"]
    rows = [
        (f"MNIST, its {mnist['images']:,} test images", f"{mnist['accuracy']:.2%}, {mnist['errors']} errors"),
        ("calibration error (ECE, 15 bins); Brier score", f"{mnist['ece']:.4f}; {mnist['brier']:.4f}"),
        *((f"its test digits, {name}", f"{value:.1%}") for name, value in metrics["mnist_test_changed"].items()),
        *(
            (f"its test digits redrawn with a {name} line anywhere on a pad", f"{value:.1%}")
            for name, value in metrics["simulated_pad"].items()
        ),
        (
            f"photographs composed by our own code in {len(metrics['composed_photos']['kinds'])} ways, the mean of them",
            f"{metrics['composed_photos']['mean']:.1%}",
        ),
        ("drawn letters, signs and scribbles, refused", f"{metrics['drawn_non_digits_refused']:.1%}"),
        ("weights; size of the file", f"{metrics['parameters']:,}; {metrics['file_bytes'] / 1e6:.1f} MB"),
        ("time for one frame", f"{metrics['one_image_ms']:.2f} ms"),
    ]
    return "\n".join(f"| {name} | {value} |" for name, value in rows)


def training(settings: dict) -> str:
    """Return how the run was made, in sentences."""
    if not settings:
        return "The settings of the run were not kept."
    sentences = f"{settings['epochs']} epochs, seed {settings['seed']}, learning rate {settings['learning_rate']:g}"
    sentences += f", going on from {settings['init']}" if settings.get("init") else ""
    sentences += f", temperature {settings['temperature']:.2f}; {settings['seconds'] / 60:.0f} minutes."
    if environment := settings.get("environment"):
        versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
        hardware = environment["hardware"]
        machines = ", ".join([f"{hardware['processors']} x {hardware['processor']}", *hardware["gpus"]])
        sentences += f" Made with {versions} on {machines}, from commit {environment['commit'] or 'unknown'} of the code."
    return sentences
