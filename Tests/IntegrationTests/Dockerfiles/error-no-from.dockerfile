RUN x
#: fails no build stage in current context
