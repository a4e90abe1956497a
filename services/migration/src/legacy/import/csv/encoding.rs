//! The encoding of a file: found from its bytes or given by the operator, and decoded to UTF-8 while it is read.
//!
//! UTF-8 passes through unchanged. In every other encoding, bytes that stand for no character become a byte that UTF-8 does
//! not have, so that exactly the field that contains them is rejected. A file in neither UTF-8 nor Korean is refused unless its
//! encoding is given, because a wrong guess would bring in wrong names.

use std::io::{self, Read};

use chardetng::EncodingDetector;
use encoding_rs::{Decoder, DecoderResult, EUC_KR, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{file_kind, korean};
use crate::legacy::import::ImportError;

/// Bytes that are read before the encoding is decided.
const WINDOW_BYTES: usize = 64 * 1024;

/// A byte that no UTF-8 text contains.
const UNDECODABLE: u8 = 0xff;

/// An encoding of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(&'static Encoding);

impl TextEncoding {
    /// The encoding with a label such as `utf-8`, `cp949`, `utf-16le` or another one of the WHATWG's standard.
    pub fn by_label(label: &str) -> Option<Self> {
        let label = label.trim();
        let is_cp949 = ["cp949", "uhc", "ms949", "euckr"].iter().any(|name| label.eq_ignore_ascii_case(name));
        let encoding =
            if is_cp949 { Some(EUC_KR) } else { Encoding::for_label_no_replacement(label.as_bytes()) };
        encoding.map(Self)
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        if self.0 == EUC_KR { "CP949" } else { self.0.name() }
    }
}

/// Reads a file as UTF-8.
pub(super) struct Decoded<R> {
    input: R,
    /// Read but not decoded.
    raw: Vec<u8>,
    has_ended: bool,
    /// Decoded but not passed on.
    text: Vec<u8>,
    text_start: usize,
    bytes_read: u64,
    /// UTF-8 as long as only ASCII has been read.
    encoding: &'static Encoding,
    is_decided: bool,
    /// `None` for UTF-8, and at the end of the file.
    decoder: Option<Box<Decoder>>,
}

impl<R: Read> Decoded<R> {
    /// Reads the start of a file and refuses one that is no text or is in another encoding than the one given.
    pub(super) fn open(input: R, given: Option<TextEncoding>) -> Result<Self, ImportError> {
        let mut decoded = Self {
            input,
            raw: Vec::new(),
            has_ended: false,
            text: Vec::new(),
            text_start: 0,
            bytes_read: 0,
            encoding: UTF_8,
            is_decided: false,
            decoder: None,
        };
        decoded.fill(WINDOW_BYTES).map_err(ImportError::from_read)?;
        if decoded.raw.is_empty() {
            return Err(ImportError::Empty);
        }
        if let Some(kind) = file_kind::by_bytes(&decoded.raw) {
            return Err(ImportError::NotCsv { kind });
        }
        let marked = Encoding::for_bom(&decoded.raw);
        let found = marked.map(|(encoding, _)| encoding).or_else(|| unmarked_utf_16(&decoded.raw));
        decoded.raw.drain(..marked.map_or(0, |(_, length)| length));
        if let Some(TextEncoding(given)) = given {
            let evident = found.or_else(|| is_utf_8(&decoded.raw, decoded.has_ended).then_some(UTF_8));
            // In two bytes per character, UTF-8 may come out as other letters by chance; in one byte it never makes sense.
            if let Some(evident) =
                evident.filter(|evident| *evident != given && (found.is_some() || given.is_single_byte()))
            {
                return Err(ImportError::EncodingContradicted {
                    given: TextEncoding(given).name(),
                    found: TextEncoding(evident).name(),
                });
            }
        }
        if let Some(encoding) = given.map(|given| given.0).or(found) {
            decoded.decide(encoding);
        }
        Ok(decoded)
    }

    /// The encoding as far as the file has been read.
    pub(super) const fn encoding(&self) -> TextEncoding {
        TextEncoding(self.encoding)
    }

    fn decide(&mut self, encoding: &'static Encoding) {
        self.encoding = encoding;
        self.is_decided = true;
        self.decoder = (encoding != UTF_8).then(|| Box::new(encoding.new_decoder_without_bom_handling()));
    }

    /// Bytes of the file that have been read.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The start of the text, which stays to be read.
    pub(super) fn preview(&mut self, length: usize) -> io::Result<&[u8]> {
        while self.unread().len() < length && self.step()? {}
        Ok(self.unread())
    }

    fn unread(&self) -> &[u8] {
        self.text.get(self.text_start..).unwrap_or_default()
    }

    /// Reads until `raw` has this many bytes or the file ends.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        let missing = length.saturating_sub(self.raw.len()) as u64;
        if !self.has_ended && missing > 0 {
            let read = (&mut self.input).take(missing).read_to_end(&mut self.raw)?;
            self.bytes_read += read as u64;
            self.has_ended = (read as u64) < missing;
        }
        Ok(())
    }

    /// Decodes some bytes; `false` at the end of the file.
    fn step(&mut self) -> io::Result<bool> {
        let is_korean = self.encoding == EUC_KR;
        if self.raw.is_empty() || is_korean {
            self.fill(WINDOW_BYTES)?;
        }
        let is_last = self.raw.is_empty();
        let before = self.text.len();
        if let Some(decoder) = &mut self.decoder {
            let length = if is_korean { whole_lines(&self.raw, self.has_ended) } else { self.raw.len() };
            let raw: Vec<u8> = self.raw.drain(..length).collect();
            if is_korean {
                decode_lines(decoder, &raw, &mut self.text);
            } else {
                decode(decoder, &raw, false, &mut self.text);
            }
            if is_last {
                decode(decoder, &[], true, &mut self.text);
                // A decoder must not be used after its end.
                self.decoder = None;
            }
        } else if self.is_decided {
            self.text.append(&mut self.raw);
        } else {
            let ascii = self.raw.iter().take_while(|byte| byte.is_ascii()).count();
            self.text.extend(self.raw.drain(..ascii));
            if !self.raw.is_empty() {
                self.fill(WINDOW_BYTES)?;
                self.decide(probable(&self.raw, self.has_ended).map_err(io::Error::other)?);
            }
        }
        Ok(!is_last || self.text.len() > before)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread().is_empty() {
            self.text.clear();
            self.text_start = 0;
            if !self.step()? && self.unread().is_empty() {
                return Ok(0);
            }
        }
        let length = self.unread().read(buffer)?;
        self.text_start += length;
        Ok(length)
    }
}

fn decode(decoder: &mut Decoder, mut raw: &[u8], is_last: bool, text: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    loop {
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(raw, &mut buffer, is_last);
        text.extend(buffer.iter().take(written));
        raw = raw.get(read..).unwrap_or_default();
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => text.push(UNDECODABLE),
        }
    }
}

/// Decodes CP949. Where exports were joined, a line may be UTF-8. In CP949 it may be valid too, as other characters, so none of
/// its characters is taken.
fn decode_lines(decoder: &mut Decoder, raw: &[u8], text: &mut Vec<u8>) {
    for line in raw.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        let is_utf_8 =
            std::str::from_utf8(line).is_ok_and(|line| line.contains(|letter| matches!(letter, '가'..='힣')));
        if is_utf_8 {
            text.extend(line.iter().map(|byte| if byte.is_ascii() { *byte } else { UNDECODABLE }));
        } else {
            decode(decoder, line, false, text);
        }
    }
}

/// The length of the lines that are read as a whole.
fn whole_lines(raw: &[u8], has_ended: bool) -> usize {
    let end = raw.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
    end.filter(|_| !has_ended).map_or(raw.len(), |end| end + 1)
}

/// UTF-16 without a mark: the header's ASCII characters have a zero byte each.
fn unmarked_utf_16(start: &[u8]) -> Option<&'static Encoding> {
    let (pairs, _) = start.get(..8)?.as_chunks::<2>();
    if pairs.iter().all(|[low, high]| *low != 0 && *high == 0) {
        Some(UTF_16LE)
    } else if pairs.iter().all(|[high, low]| *low != 0 && *high == 0) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Lines with other characters than ASCII. A line at the end that may go on is left out.
fn telling_lines(window: &[u8], is_whole: bool) -> impl Iterator<Item = &[u8]> {
    let end = window.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = match end {
        Some(end) if !is_whole => window.get(..end).unwrap_or_default(),
        Some(_) | None => window,
    };
    lines.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_ascii())
}

fn is_utf_8(window: &[u8], is_whole: bool) -> bool {
    let mut lines = telling_lines(window, is_whole).peekable();
    lines.peek().is_some() && lines.all(|line| std::str::from_utf8(line).is_ok())
}

/// UTF-8 or CP949, whichever more of the lines are valid in: a damaged line must not decide about the others, and a short
/// text can be valid in both. CP949 has to come out as Korean.
fn probable(window: &[u8], is_whole: bool) -> Result<&'static Encoding, ImportError> {
    let (mut utf_8, mut cp949, mut neither) = (0, 0, 0);
    let mut as_cp949 = String::new();
    for line in telling_lines(window, is_whole) {
        if std::str::from_utf8(line).is_ok() {
            utf_8 += 1;
        } else if let Some(text) = EUC_KR.decode_without_bom_handling_and_without_replacement(line) {
            cp949 += 1;
            as_cp949.push_str(&text);
        } else {
            neither += 1;
        }
    }
    if utf_8 > 0 && utf_8 >= cp949 {
        Ok(UTF_8)
    } else if cp949 > utf_8 && cp949 > neither && korean::is_korean(&as_cp949) {
        Ok(EUC_KR)
    } else {
        Err(ImportError::EncodingUnclear { probable: guess(window) })
    }
}

/// The encoding that a file has most probably, to be checked by a person.
fn guess(window: &[u8]) -> Option<&'static str> {
    let mut detector = EncodingDetector::new();
    detector.feed(window, true);
    let guess = detector.guess(None, false);
    (guess != EUC_KR).then(|| TextEncoding(guess).name())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TEXT: &str = "id,name\n1,가온별\n2,나래솔 쀍\n3,plain\n";

    fn read(bytes: &[u8], given: Option<&str>) -> (Vec<u8>, &'static str) {
        let given = given.map(|label| TextEncoding::by_label(label).unwrap());
        let mut decoded = Decoded::open(bytes, given).ok().unwrap();
        let mut text = Vec::new();
        decoded.read_to_end(&mut text).unwrap();
        assert_eq!(decoded.bytes_read(), bytes.len() as u64);
        (text, decoded.encoding().name())
    }

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn every_encoding_is_found_and_read() {
        let cp949 = EUC_KR.encode(TEXT).0;
        let (little, big) = (utf_16(TEXT, u16::to_le_bytes), utf_16(TEXT, u16::to_be_bytes));
        let marked = utf_16(&format!("\u{feff}{TEXT}"), u16::to_le_bytes);
        let cases: [(&[u8], &str); 6] = [
            (TEXT.as_bytes(), "UTF-8"),
            (&cp949, "CP949"),
            (&little, "UTF-16LE"),
            (&big, "UTF-16BE"),
            (&marked, "UTF-16LE"),
            (&[b"\xef\xbb\xbf", TEXT.as_bytes()].concat(), "UTF-8"),
        ];
        for (bytes, name) in cases {
            let (text, found) = read(bytes, None);
            assert_eq!(String::from_utf8(text).unwrap(), TEXT, "{name}");
            assert_eq!(found, name);
        }
        assert_eq!(read(&cp949, Some("ks_c_5601-1987")).0, TEXT.as_bytes());
    }

    #[test]
    fn the_first_character_that_is_not_ascii_may_come_late() {
        let text = format!("{}{TEXT}", "1,plain\n".repeat(50_000));
        assert_eq!(read(&EUC_KR.encode(&text).0, None).0, text.as_bytes());
        assert_eq!(read(text.as_bytes(), None).0, text.as_bytes());
    }

    #[test]
    fn a_damaged_line_does_not_decide_about_the_encoding() {
        let damaged = [b"1,\xb0\xa1\n".as_slice(), TEXT.as_bytes()].concat();
        assert_eq!(read(&damaged, None).0, damaged);
        let cp949 = [EUC_KR.encode(TEXT).0.as_ref(), b"4,\xff\xff\n"].concat();
        let text = read(&cp949, None).0;
        assert!(text.starts_with(TEXT.as_bytes()) && text.ends_with(b"\n"), "{text:?}");
        assert!(text.contains(&UNDECODABLE), "{text:?}");
    }

    #[test]
    fn a_line_in_utf_8_within_cp949_is_not_read_as_other_characters() {
        let (before, after) = (EUC_KR.encode(TEXT).0, EUC_KR.encode("5,새봄\n").0);
        let joined = [&before, "4,가온별\n".as_bytes(), &after];
        let text = read(&joined.concat(), None).0;
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        assert!(lines[4].starts_with(b"4,") && std::str::from_utf8(lines[4]).is_err(), "{text:?}");
        assert_eq!(lines[5], "5,새봄".as_bytes());
    }

    /// What a text is refused with.
    fn refused(bytes: &[u8], given: Option<&str>) -> String {
        let given = given.map(|label| TextEncoding::by_label(label).unwrap());
        let opened = Decoded::open(bytes, given);
        let mut text = Vec::new();
        let error = match opened {
            Err(error) => error,
            Ok(mut decoded) => ImportError::from_read(decoded.read_to_end(&mut text).unwrap_err()),
        };
        error.to_string()
    }

    #[test]
    fn an_encoding_that_is_neither_utf_8_nor_korean_is_named_and_has_to_be_given() {
        let cases = [
            ("gbk", "id,name\n1,王小明\n2,欧阳雪 请打电话\n", "GBK"),
            ("big5", "id,name\n1,王小明\n2,陳靜\n", "Big5"),
            ("shift_jis", "id,name\n1,田中太郎\n2,ヤマダ ハナコ\n", "Shift_JIS"),
            ("euc-jp", "id,name\n1,田中太郎\n2,ヤマダ ハナコ\n", "EUC-JP"),
            ("latin1", "id,name\n1,José García\n2,Jürgen Müller\n", "windows-1252"),
            ("windows-1251", "id,name\n1,Ирина Семенова\n2,Пётр\n", "windows-1251"),
        ];
        for (label, text, name) in cases {
            let TextEncoding(encoding) = TextEncoding::by_label(label).unwrap();
            let bytes = encoding.encode(text).0.into_owned();
            let error = refused(&bytes, None);
            assert!(error.contains(&format!("probably {name};")), "{error}");
            let (read, found) = read(&bytes, Some(label));
            assert_eq!((String::from_utf8(read).unwrap(), found), (text.to_owned(), name));
        }
        let error = refused(b"id,name\n1,\xff\xfe\n", None);
        assert!(error.contains("neither UTF-8 nor Korean"), "{error}");
    }

    #[test]
    fn one_short_name_of_another_encoding_is_not_taken_for_korean() {
        for (label, names) in [("gbk", ["李娜", "张伟", "陈静"]), ("euc-jp", ["佐藤", "鈴木", "田中"])]
        {
            for name in names {
                let TextEncoding(encoding) = TextEncoding::by_label(label).unwrap();
                let bytes = encoding.encode(&format!("id,name\n1,{name}\n")).0.into_owned();
                assert!(refused(&bytes, None).contains("neither UTF-8 nor Korean"), "{name}");
            }
        }
        for name in ["이나", "김민수", "남궁민"] {
            let text = format!("id,name\n1,{name}\n");
            assert_eq!(read(&EUC_KR.encode(&text).0, None), (text.into_bytes(), "CP949"));
        }
    }

    #[test]
    fn a_given_encoding_that_the_file_contradicts_is_refused() {
        let marked = format!("\u{feff}{TEXT}");
        for (bytes, given) in [
            (marked.as_bytes(), "cp949"),
            (&utf_16(&marked, u16::to_le_bytes), "utf-8"),
            (TEXT.as_bytes(), "latin1"),
        ] {
            let error = refused(bytes, Some(given));
            assert!(error.contains("but the encoding given is"), "{error}");
        }
        assert_eq!(read(marked.as_bytes(), Some("utf-8")).0, TEXT.as_bytes());
        assert_eq!(read(b"id\n1\n", Some("latin1")).1, "windows-1252");
    }

    #[test]
    fn an_odd_byte_at_the_end_of_utf_16_is_not_lost() {
        let mut bytes = utf_16(TEXT, u16::to_le_bytes);
        bytes.push(b'x');
        assert_eq!(read(&bytes, None).0, [TEXT.as_bytes(), &[UNDECODABLE]].concat());
    }

    #[test]
    fn an_empty_file_and_a_workbook_are_refused() {
        let refused = |bytes: &'static [u8]| Decoded::open(bytes, None).err().unwrap().to_string();
        assert!(refused(b"").contains("empty"));
        assert!(refused(b"PK\x03\x04[Content_Types].xml").contains("Excel workbook"));
    }
}
