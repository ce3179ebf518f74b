# The app with the bundled model. docs/deployment.md tells how to run it; tests/service/test_deployment.py runs these steps.
FROM python:3.13-slim-trixie AS packages
# An environment without pip and TensorFlow's C++ headers: it is what goes on to the image.
RUN python -m venv --without-pip /venv
COPY requirements.txt /packages/
RUN pip --python /venv/bin/python install --no-cache-dir -r /packages/requirements.txt && \
    rm -rf /venv/lib/python*/site-packages/tensorflow/include

FROM python:3.13-slim-trixie
# Nothing is installed from here on.
RUN useradd --create-home --uid 1000 digits && pip uninstall --yes pip
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_PORT=7860
WORKDIR /app
COPY LICENSE app.py ./
COPY digit_model digit_model
COPY web web
COPY examples examples
USER 1000
# The build ends here where the app would not read.
RUN MODEL_PATH=digit_model/model.keras python -m digit_model examples/7_light-on-dark.png
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=2s \
    CMD ["python", "-c", "from os import environ; from urllib.request import urlopen; assert b'\"ok\"' in urlopen('http://127.0.0.1:' + environ['GRADIO_PORT'] + '/health').read()"]
CMD ["python", "app.py"]
