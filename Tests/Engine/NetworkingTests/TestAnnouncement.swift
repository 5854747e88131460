import Glibc
import Networking
import TestNetwork

@testable import LinuxSystem

extension TestTraffic {
  /// Broadcasts an ARP request (1) or reply (2) on eth0 that claims an address for the sender.
  static func announce(_ claimed: IPv4Address, operation: UInt8, about target: IPv4Address) throws {
    let protocolARP: UInt16 = 0x0806
    let socket = Descriptor(
      owning: try systemCall("socket") {
        Glibc.socket(AF_PACKET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), Int32(protocolARP.bigEndian))
      })
    var frame: [UInt8] = [0, 1, 8, 0, 6, 4, 0, operation]
    frame += [2, 0x66, 0x66, 0x66, 0x66, 0x66] + claimed.octets
    frame += [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] + target.octets
    // struct sockaddr_ll
    var address: [UInt8] = []
    address.append(native: UInt16(AF_PACKET))
    address.append(big: protocolARP)
    address.append(native: UInt32(if_nametoindex("eth0")))
    address += [0, 1, 0, 6] + [UInt8](repeating: 0xff, count: 6) + [0, 0]
    let count = frame.count
    _ = try address.withUnsafeBytes { raw in
      try systemCall("sendto") {
        sendto(
          socket.raw, frame, count, 0, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      }
    }
  }
}
