FROM corpus-base
COPY --chmod=755 <<-EOF /script
	#!/bin/sh
	echo ran
	EOF
RUN /script > /out
