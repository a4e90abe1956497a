//! The encodings and separators of exports: found where they are certain, and to be given where they are not.

use std::io::Cursor;

use chrono::Utc;
use daybook_migration::import::{
    CsvOptions, FileFormat, ImportRun, Separator, Source, TextEncoding, Verdict,
};

use super::{file, refused, row, run};
use crate::clinic::Clinic;
use crate::import::{EXPORT, silent, taken_over};

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_read_alike_in_every_encoding_and_with_every_separator() {
    let (_clinic, expected) = Clinic::set_up().await;
    run(&expected, EXPORT).await;
    let expected = taken_over(&expected).await;
    let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| EXPORT.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
    let reseparated = |separator| {
        let mut reader = csv::Reader::from_reader(EXPORT.as_bytes());
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        writer.write_record(reader.headers().unwrap()).unwrap();
        reader.records().for_each(|record| writer.write_record(&record.unwrap()).unwrap());
        writer.into_inner().unwrap()
    };
    let cp949 = encoding_rs::EUC_KR.encode(EXPORT).0.into_owned();
    let files: [(Vec<u8>, &str, &str); 6] = [
        (cp949, "CP949", "commas"),
        (utf_16(u16::to_le_bytes), "UTF-16LE", "commas"),
        (utf_16(u16::to_be_bytes), "UTF-16BE", "commas"),
        (reseparated(b';'), "UTF-8", "semicolons"),
        (reseparated(b'\t'), "UTF-8", "tabs"),
        ([b"sep=|\r\n".as_slice(), &reseparated(b'|')].concat(), "UTF-8", "`|`"),
    ];
    for (file, encoding, separator) in files {
        let (_clinic, process) = Clinic::set_up().await;
        let report = run(&process, file).await;
        assert_eq!((report.imported, report.rejected), (200, 0), "{encoding} {separator}");
        let FileFormat { encoding: found, separator: by } = report.file.unwrap();
        assert_eq!((found, by.to_string().as_str()), (encoding, separator));
        let rows = taken_over(&process).await;
        for (id, (_, details)) in &expected {
            assert_eq!(&rows[id].1, details, "{id} in {encoding} {separator}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn encoding_and_separator_can_be_given() {
    let text = file(&[row("a", &[])]).replace(',', "^");
    let options = CsvOptions { encoding: TextEncoding::by_label("cp949"), separator: Separator::parse("^") };
    let source =
        Source::csv_as(Cursor::new(encoding_rs::EUC_KR.encode(&text).0.into_owned()), options, Utc::now());
    let report = ImportRun::default().rehearse(None, source, &silent).await.unwrap();
    assert_eq!((report.imported, report.verdict), (1, Verdict::AllIn));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_an_encoding_that_is_not_certain_is_refused_with_its_probable_name() {
    let export = |encoding: &'static encoding_rs::Encoding, names: &[&str]| {
        let rows: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(n, name)| row(&"e".repeat(n + 1), &[("patientName", name)]))
            .collect();
        let ascii = file(&rows).replace("오후 3시", "15:00");
        encoding.encode(&ascii).0.into_owned()
    };
    let cases: [(&'static encoding_rs::Encoding, &[&str], &str); 5] = [
        (encoding_rs::GBK, &["王小明", "欧阳雪", "李娜"], "GBK"),
        (encoding_rs::SHIFT_JIS, &["田中太郎", "ヤマダ ハナコ"], "Shift_JIS"),
        (encoding_rs::WINDOWS_1252, &["José García", "Jürgen Müller"], "windows-1252"),
        (encoding_rs::BIG5, &["王小明", "陳靜宜", "張偉"], "Big5"),
        (encoding_rs::EUC_JP, &["田中太郎", "ヤマダ ハナコ"], "EUC-JP"),
    ];
    for (encoding, names, label) in cases {
        let bytes = export(encoding, names);
        let text = refused(bytes.clone()).await;
        assert!(text.contains(&format!("probably {label};")) && text.contains("--encoding"), "{text}");
        let (_clinic, process) = Clinic::set_up().await;
        let options = CsvOptions { encoding: TextEncoding::by_label(label), separator: None };
        let source = Source::csv_as(Cursor::new(bytes), options, Utc::now());
        let report = ImportRun::default().run(&process.commands, source, &silent).await.unwrap();
        assert_eq!((report.imported, report.file.unwrap().encoding), (names.len() as u64, label));
        let taken = taken_over(&process).await;
        let found: Vec<&str> =
            taken.values().map(|(_, details)| &*details.as_ref().unwrap().patient_name).collect();
        assert_eq!(found, names);
    }
    let (_clinic, process) = Clinic::set_up().await;
    let korean = export(encoding_rs::EUC_KR, &["김민수"]);
    assert_eq!(run(&process, korean).await.file.unwrap().encoding, "CP949");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_utf_7_is_named_and_a_calling_code_is_not_taken_for_it() {
    let ascii = |id: &str, name: &str, time: &str, phone: &str| {
        row(id, &[("patientName", name), ("preferredTime", time), ("phone", phone)])
    };
    // As .NET writes it, and as Python and iconv do.
    for (name, time) in [("+rkC7/MIY-", "+xiTWxA- 3+wtw-"), ("+rkC7/MIY", "+xiTWxA 3+wtw")] {
        let text = refused(file(&[ascii("a", name, time, "+82-10-5550-0001")])).await;
        assert!(text.contains("UTF-7") && text.contains("export it as UTF-8"), "{text}");
    }
    let phones = ["+82-10-5550-0001", "+821055500004", "+82 2-345-6789", "+1-212-555-0123", "+12125550124"];
    let rows: Vec<String> =
        (1..).zip(phones).map(|(n, phone)| ascii(&"a".repeat(n), "Ann", "10:00", phone)).collect();
    let report =
        ImportRun::default().rehearse(None, Source::csv(Cursor::new(file(&rows))), &silent).await.unwrap();
    assert_eq!((report.imported, report.rejected), (5, 0), "{:?}", report.rejects);
}
