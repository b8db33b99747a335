# One stage on its base. BASE is given by digest and STAGE by name by infra/images/build.
ARG BASE
FROM ${BASE}
ARG STAGE
ENV FLUXFLOOR_STAGE=${STAGE}
COPY functions/${STAGE} /floor/functions/${STAGE}
ENTRYPOINT ["sh", "-c", "exec functions-framework --source functions/$FLUXFLOOR_STAGE/main.py --target main"]
