FROM corpus-base AS made
RUN echo made > /made
FROM corpus-base
RUN --mount=from=made,source=/made,target=/in cat /in > /out
#: peers buildah
