# The first stage builds the wheel and installs it, with the pinned dependencies, into /opt/customers.
# The second stage contains only that folder: no pip, and no embedded PostgreSQL.
FROM python:3.11-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv tools \
    && tools/bin/pip install --no-deps --require-hashes -r requirements/build.txt \
    && python -m venv --without-pip /opt/customers \
    && tools/bin/pip --python /opt/customers/bin/python install --no-deps --require-hashes \
        -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY src src
# pip compiles the bytecode, since the service cannot write any.
RUN tools/bin/python -m build --wheel --no-isolation \
    && tools/bin/pip --python /opt/customers/bin/python install --no-deps dist/*.whl


FROM python:3.11-slim

ENV PATH=/opt/customers/bin:$PATH \
    HOST=0.0.0.0 \
    PORT=8089 \
    RPC_PORT=9089
RUN useradd --create-home --uid 10001 customers
COPY --from=build /opt/customers /opt/customers
USER 10001
WORKDIR /home/customers
EXPOSE 8089 9089
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["customers", "ready"]
CMD ["customers", "serve"]
