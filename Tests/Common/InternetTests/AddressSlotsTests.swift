import Testing

@testable import Internet

@Suite("Slots of addresses")
struct AddressSlotsTests {
  private func address(_ last: UInt32, port: UInt16 = 1) -> SocketAddress {
    .ipv4(IPv4Address(bits: 0x0a00_0000 | last), port: port)
  }

  @Test func `one address cannot take what others need`() {
    let slots = AddressSlots(count: 5, countOfOne: 2)
    #expect((1...3).map { slots.take(for: address(1, port: $0)) } == [true, true, false])
    #expect((1...3).map { slots.take(for: address(2, port: $0)) } == [true, true, false])
    #expect(slots.take(for: address(3)))
    #expect(!slots.take(for: address(4)))
    slots.giveBack(for: address(1, port: 9))
    #expect(slots.take(for: address(4)))
    #expect(!slots.take(for: address(1)))
  }
}
