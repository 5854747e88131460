FROM corpus-base
HEALTHCHECK --interval=soon CMD x
#: fails expected a duration
