FROM corpus-base
RUN --mount=type=secret,id=absent,required true
#: fails absent
