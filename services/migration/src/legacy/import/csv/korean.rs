//! Whether a text is Korean.
//!
//! In CP949 almost every pair of bytes stands for something, so a file in GBK, Big5 or EUC-JP can be read as CP949 too: `王小明`
//! becomes `珙鬼츠`. Only the letters that come out tell. Texts in Korean consist of a few hundred syllables, which make up less
//! than a quarter of those that other encodings' bytes come out as.

/// Syllables of Korean names, of messages, and of texts about appointments: 97 % or more of either.
const COMMON: &str = "\
    가각간갈감갑값강같개객갯거건검것게겟겨격견결겸경계고곡곱공과곽관괄광교구국군궁권귀규균그근글금급기긴길김깁깃까께\
    꼴꾸꿀꿈꿉뀌끝나난날남납났내낼냅너널넘넣네녁년녕노논높누눈뉴는능늦니닌님닙다단닫달담당대더덕덟덤덮데덱델도독돌동\
    되된될됨됩두뒤듈드든들듭등디딩따딸때떤또뜀라락란람랍랑래랜램략량러런럼레렉려력련렬령례로록론롤롬롭롯료룡루룰룹류\
    륜률륨르른를름릅리릭린릴림립릿링마막만많말맑맞매맵맹머먼멈메며면명모목못무묶문물뮤므미민밀밋및바박반받발방배백버\
    번범법벗베벤벨벼변별병보복본볼봄봉부북분불붙뷰브블비빈빌빛빠빨빼쁨사삭산살상새색샘생서석선설섬섭섯성세섹셀셋션셸\
    소속손솔솜송쇄쇼수숙순술숫쉬슈스슬습승시식신실심십싱쓰쓸씁아안않알암압았앞액야약얀양어언엄업없었에엔여역연열염엽\
    영예옛오옥온올옴옵와완왕외왼요용우욱운울움웅워원월웨위윈유육윤율으은을음응의이익인일읽임입있잎자작잔잘잠잡장재잭\
    저적전절점접정제젝젯져졌조족존종좌주준줄줌중증지직진질짐집짜째쪽쯤차찬참창찾채책처천철첫청체초최추축춘출춤충취치\
    칙친칠침카칼캐캘커컨컬컴케켓코콘콜콩쿠쿼퀀크큰클큼키타탁탄탈탐태택탭터턱턴테텍템토톡통퇴투트특튼틀티팅파패팽퍼페\
    편평포폭폴표푸풍프플피픽필핑하학한할함합항해햇했행향허헌헤혁현형혜호혹홉홍화확환활황회획효후훈휘흉흠흥희흰히힐힘";

/// Whether at least three of four letters that are not ASCII are common Korean syllables.
pub(super) fn is_korean(text: &str) -> bool {
    let (mut letters, mut common) = (0_usize, 0);
    for letter in text.chars().filter(|letter| !letter.is_ascii() && letter.is_alphabetic()) {
        letters += 1;
        common += usize::from(COMMON.contains(letter));
    }
    letters > 0 && common * 4 >= letters * 3
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS, WINDOWS_1251};

    use super::*;

    #[test]
    fn korean_is_recognised_from_one_name() {
        for text in [
            "김민수",
            "한여울",
            "제갈공명",
            "남궁",
            "쀍 가온별, 나래솔",
            "오후 3시",
            "첫 방문이라 주차 문의하셨음",
            "최현우(崔)",
        ] {
            assert!(is_korean(text), "{text}");
        }
    }

    #[test]
    fn other_encodings_that_come_out_as_letters_are_not_korean() {
        let cases: [(&'static Encoding, &[&str]); 5] = [
            (
                GBK,
                &[
                    "王小明",
                    "李娜",
                    "张伟",
                    "陈静",
                    "刘洋",
                    "欧阳雪",
                    "请打电话",
                    "下午三点",
                    "司马光",
                    "诸葛亮",
                ],
            ),
            (BIG5, &["王小明", "陳靜", "張偉", "下午三點"]),
            (SHIFT_JIS, &["田中太郎", "佐藤", "ヤマダ"]),
            (EUC_JP, &["田中太郎", "佐藤", "鈴木", "ヤマダ"]),
            (WINDOWS_1251, &["Ирина", "Пётр", "Семёнова"]),
        ];
        for (encoding, texts) in cases {
            for text in texts {
                let read = EUC_KR.decode(&encoding.encode(text).0).0.into_owned();
                assert!(!is_korean(&read), "{text} as {read}");
            }
        }
        assert!(!is_korean("") && !is_korean("10:00") && !is_korean("José") && !is_korean("金哲洙"));
    }
}
