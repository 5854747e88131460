import Glibc
import Testing

@testable import LinuxSystem

@Suite struct SocketTests {
  @Test(arguments: [UnixSocket.Kind.stream, .seqpacket], [10, 90, 200])
  func listensAndConnectsAtAnyLength(type: UnixSocket.Kind, nameLength: Int) throws {
    let scratch = try Scratch()
    let directory = String(repeating: "d", count: nameLength)
    try FileSystem.makeDirectory(scratch.at(directory))
    let path = scratch.at("\(directory)/listener.sock")
    let listener = try UnixSocket.listen(path, mode: 0o660, ownerGroup: isRoot ? 12 : nil, type: type)
    let client = try UnixSocket.connect(path, type: type)
    let server = try UnixSocket.accept(listener)
    try client.write(all: Array("hello".utf8))
    try systemCall("shutdown") { shutdown(client.raw, Int32(SHUT_WR)) }
    #expect(text(try server.readAll(maxBytes: 10)) == "hello")
    #expect(try UnixSocket.peerCredentials(server) == PeerCredentials(pid: getpid(), uid: getuid(), gid: getgid()))
    let status = try RootedDirectory(path: scratch.path).stat("\(directory)/listener.sock")
    #expect(status.mode == 0o660)
    if isRoot { #expect(status.gid == 12) }
    #expect(try FileSystem.list(scratch.at(directory)) == ["listener.sock"])
  }

  @Test func replacesDeadSocketsOnly() throws {
    let scratch = try Scratch()
    let path = scratch.at("s")
    var listener: Descriptor? = try UnixSocket.listen(path, mode: 0o600)
    #expect(try errorNumber { _ = try UnixSocket.listen(path, mode: 0o600) } == EADDRINUSE)
    #expect(try errorNumber { _ = try UnixSocket.listen(path, mode: 0o600, type: .seqpacket) } == EADDRINUSE)
    #expect(try errorNumber { _ = try UnixSocket.connect(path, type: .seqpacket) } == EPROTOTYPE)
    #expect(listener != nil)
    listener = nil
    #expect(try errorNumber { _ = try UnixSocket.connect(path) } == ECONNREFUSED)
    listener = try UnixSocket.listen(path, mode: 0o600)
    _ = try UnixSocket.connect(path)
    try scratch.write("file", "kept")
    #expect(try errorNumber { _ = try UnixSocket.listen(scratch.at("file"), mode: 0o600) } == EADDRINUSE)
    #expect(try scratch.text("file") == "kept")
    #expect(try errorNumber { _ = try UnixSocket.connect(scratch.at("none")) } == ENOENT)
    withExtendedLifetime(listener) {}
  }

  @Test func descriptorsTravel() throws {
    let scratch = try Scratch()
    try scratch.write("file", "content")
    let (near, far) = try UnixSocket.pair()
    let file = try Descriptor.open(scratch.at("file"), flags: O_RDONLY)
    try UnixSocket.sendDescriptor(file, over: near)
    let received = try UnixSocket.receiveDescriptor(far)
    #expect(received.raw != file.raw)
    #expect(text(try received.readAll(maxBytes: 100)) == "content")
    #expect(fcntl(received.raw, F_GETFD) == FD_CLOEXEC)
    try near.write(all: [1])
    #expect(try errorNumber { _ = try UnixSocket.receiveDescriptor(far) } == EBADMSG)
  }
}
