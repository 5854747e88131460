FROM corpus-base AS 1x
#: fails invalid name for build stage
