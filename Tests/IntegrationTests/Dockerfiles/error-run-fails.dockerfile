FROM corpus-base
RUN echo before; exit 3
#: fails 3
