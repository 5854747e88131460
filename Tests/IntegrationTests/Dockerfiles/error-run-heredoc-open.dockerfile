FROM busybox
RUN <<EOF
echo x
#: fails unterminated heredoc
