FROM corpus-base
RUN ["/no/such"]
#: fails
