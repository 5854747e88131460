FROM corpus-base
RUN --mount=type=nfs,target=/x true
#: fails unsupported mount type
