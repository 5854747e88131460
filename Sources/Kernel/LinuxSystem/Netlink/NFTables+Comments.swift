/// Comments of elements: the kernel keeps them for the program nft, without looking at them. Source: libnftnl, `udata.h`.
extension NFTables {
  /// What nft takes; the rest is left out.
  public static let maximumCommentBytes = 127
  /// `NFTNL_UDATA_SET_ELEM_COMMENT`
  private static let commentType: UInt8 = 0

  /// Type, length, and a text that ends with zero.
  static func userData(_ comment: String) -> [UInt8] {
    let text = Array(comment.utf8.prefix(maximumCommentBytes)) + [0]
    return [commentType, UInt8(text.count)] + text
  }

  /// Nil where there is none.
  static func comment(_ userData: ArraySlice<UInt8>) -> String? {
    var rest = userData
    while let kind = rest.first, let length = rest.dropFirst().first {
      let value = rest.dropFirst(2).prefix(Int(length))
      guard value.count == Int(length) else { return nil }
      if kind == commentType { return value.last == 0 ? String(decoding: value.dropLast(), as: UTF8.self) : nil }
      rest = rest.dropFirst(2 + Int(length))
    }
    return nil
  }
}
