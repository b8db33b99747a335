# One stage on its base. BASE is given by digest, STAGE by name, and STAGES with the stages that it carries beside it, by
# infra/images/build.
ARG BASE
FROM ${BASE} AS taken
ARG STAGES
COPY functions /tmp/all
RUN mkdir /tmp/taken && for stage in $STAGES; do cp -r "/tmp/all/$stage" /tmp/taken/ || exit 1; done

FROM ${BASE}
ARG STAGE
ENV FLUXFLOOR_STAGE=${STAGE}
COPY --from=taken /tmp/taken /floor/functions
ENTRYPOINT ["sh", "-c", "exec functions-framework --source functions/$FLUXFLOOR_STAGE/main.py --target main"]
