FROM corpus-base
RUN --security=insecure true
#: fails insecure
