FROM corpus-base
RUN --mount=type=secret,id=key,env=KEY echo ${#KEY} > /size
#: secret key=hidden
