FROM corpus-base
RUN --mount=type=bind,source=dir,target=/in cat /in/one.txt > /out
#: peers buildah
